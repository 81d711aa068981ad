"""ControlNet-guided diffusion with UNets: Stable Diffusion 1.5, XL and our own."""
