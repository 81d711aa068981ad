"""The studio on other machines: a Space, a container."""
