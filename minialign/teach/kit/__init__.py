"""For instructors: preparing a class, and its papers, all made from the current lessons."""
