"""Blocking mediators: who leads a coalition out of the established plan, and what the invited are told.

| concept | where |
|---|---|
| a blocking plan as it is announced: who is asked, what is paid when | `offer` |
| what an invited trader knows when it answers | `invited` |
| what a blocking mediator believes players would lose by leaving | `stake_beliefs` |
| the blocking mediator | `mediator` |
"""
