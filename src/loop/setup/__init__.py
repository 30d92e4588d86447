"""What a machine and a repository on GitHub need, said and brought about."""
