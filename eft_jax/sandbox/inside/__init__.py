"""What runs in the fork server and in the candidate: standard library and numpy, loaded by path alone."""
