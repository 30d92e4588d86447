"""What moved: inputs, predictions, loss, each against its past. It imports inputs and what monitor may."""
