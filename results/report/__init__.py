"""One page that tells a result whole: HTML in a single file, which opens from disk and asks nothing of any network.

`marketgame.results.report.page` says what a page consists of and writes it, `marketgame.results.report.pictures` puts
figures into it, `marketgame.results.report.rounds` what its slider needs to draw the trade network of every round.
"""
