"""A run for other people's tools: models, tokenizer and votes for transformers and TRL, and models that come back"""
