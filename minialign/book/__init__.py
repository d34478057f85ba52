"""The book: one offline site of pages, made from the lessons' own words and from runs of them."""
