"""Settings of the preview engine: painted backdrops and the light that they throw on the person."""
