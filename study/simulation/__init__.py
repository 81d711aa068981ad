"""People who do not exist, with known preferences: to try a study out, and to check that the analysis finds them."""
