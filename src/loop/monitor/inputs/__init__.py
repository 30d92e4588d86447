"""What arrived, what was answered, which labels came, and the past beside it. It imports what monitor may."""
