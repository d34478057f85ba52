"""What lessons are made of: the harness, their docstrings, equations, faults, bands, exercises, and the instructor's kit."""
