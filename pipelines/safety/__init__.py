"""What is not made and not shown here, who decides that, how often one may ask, and what is noted of it.

`review` asks the reviewers in turn: `policy` reads words, offline and always; `nudity` looks at pictures, offline and
always, too; `checker` looks at them where its weights are. `misuse` logs refusals without saying whose or what. Nothing
here guesses gender, age or origin of anybody.
"""
