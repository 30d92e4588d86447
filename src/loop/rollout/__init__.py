"""Evidence of a challenger, the steps it takes, and the way back. It imports up to history and monitor."""
