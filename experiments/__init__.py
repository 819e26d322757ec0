"""Experiments: input files, the command line, and the economies and scenarios that come with marketgame.

| what | where |
|---|---|
| one line for every mistake in a file | `experiments.input_file` |
| `kind = "market-economy"` | `experiments.economy_file`, `experiments.valuation_tables` |
| `kind = "scenario"` | `experiments.scenario_file`, `experiments.trader_tables` |
| what each kind may hold, and how it is explained | `experiments.input_kinds`, `experiments.explanation` |
| the command `marketgame` | `experiments.command_line`, `experiments.commands` |
| `kind = "coalitional-game"` | `experiments.game_file`, `experiments.game_tables` |
| what `solve` answers for an economy | `experiments.solution` with its `_benchmarks`, `_document` and `_tables` |
| what `solve` answers for a game | `experiments.game_solution` with its `_document` and `_tables` |
| the tables of benchmarks and binding constraints | `experiments.benchmark_tables` |
| a run from its file to its folder | `experiments.running`, `experiments.provenance`, `experiments.run_summary` |
| writing where a user says, and ending when asked to | `experiments.output_folder`, `experiments.interruption` |
| `kind = "sweep"` | `experiments.sweep_file`, `experiments.sweep_summary` |
| sweeps from Python | `experiments.sweep` |
| `[[organisers]]` and their fates | `experiments.organiser_tables`, `experiments.organiser_summary` |
| `certify`, `replay` and their files | `experiments.certification`, `experiments.certificate_file` |
| the institution table and the carbon cartel | `experiments.institutions` |
| carbon permit markets from published abatement curves | `experiments.carbon`, `experiments/data/` |

Nothing is imported here, so that asking for one command loads only what that command needs.
"""
