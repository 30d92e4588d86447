"""What serves, brought about: one host, Kubernetes, compose. It imports up to production."""
