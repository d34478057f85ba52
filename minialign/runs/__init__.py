"""A run on disk: its folder, its numbers, the voting session, several seeds at once, and how it is told in text."""
