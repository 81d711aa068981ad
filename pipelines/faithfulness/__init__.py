"""How much of the person is left in a portrait."""
