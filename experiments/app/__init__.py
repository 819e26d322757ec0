"""The live dashboard: a page on the loopback address that plays a scenario, changes it and shows what happens.

| what | where |
|---|---|
| what the page may change: the form of a scenario file, from the models that check it | `form` |
| what the page draws of a round, from the rows that a run records, live or saved | `frames` |
| who plays: a process of its own, told what to do line by line | `playing` |
| what takes long: a command of this program in a process of its own, with its progress and an end | `work` |
| which process plays for which page | `sessions` |
| what the page may ask, and who may ask it | `server` |
| a scenario as the file that `marketgame run` reads | `scenario_text` |

The page itself, in `static`, is one HTML file, one of styles and a few of JavaScript, without anything from elsewhere.
"""
