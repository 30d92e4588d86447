"""What happens on a merge, and after: register, roll out, go back."""
