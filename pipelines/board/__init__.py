"""Style boards: photos in many styles, scenes, seeds, engines and likenesses, made once, kept, and handed on."""
