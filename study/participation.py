"""A participant's session: what it may ask for, and when. To come."""
