"""Written into exported folders as they are: they run there, with PyTorch and TRL, and nothing here imports them"""
