"""What a monitoring run found, for people: text, page, figures. It imports the other parts of monitor."""
