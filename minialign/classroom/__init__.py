"""A class votes: on files, by show of hands or on phones; who agrees with whom, and what the crowd likes."""
