"""Files of every kind, damaged in every way, through every command: ``python -m benchmarks.fuzzing 10000``.

| what | where |
|---|---|
| the files that are damaged | `benchmarks.fuzzing.corpus` |
| how they are damaged | `benchmarks.fuzzing.mutations` |
| how a command is called in a process of its own | `benchmarks.fuzzing.calling` |
| what must hold of whatever it answers | `benchmarks.fuzzing.invariants` |
"""
