"""How models/embedded was made: from data to checkpoint with one command, `python -m training --help`.

`training.data` reads photographs through the studio's own code; everything after it (autoencoder, diffusion, export)
needs torch, diffusers, transformers, numpy and Pillow only, so that a bare GPU machine can run it on packed data.
"""
