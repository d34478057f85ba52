"""For instructors: a class prepared, and the papers for it, all made from the lessons as they are now."""
