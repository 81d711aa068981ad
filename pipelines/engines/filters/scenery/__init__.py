"""Settings of the instant filters: painted backdrops and the light that they throw on the person."""
