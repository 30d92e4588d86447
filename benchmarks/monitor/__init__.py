"""How often the monitor is wrong, what it catches, and how far its estimate without labels is off."""
