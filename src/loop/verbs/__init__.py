"""The command line, a module for each part of a model's life. Each verb imports what it runs when it runs."""
