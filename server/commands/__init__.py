"""Commands of the aggregator: the embedded demo, simulated federations, public text, word vectors, planning."""

import typer

from server.commands.counting import glove
from server.commands.planning import plan
from server.commands.pretraining import pretrain
from server.commands.training import demo, results, simulate

app = typer.Typer(help=__doc__, no_args_is_help=True, rich_markup_mode=None)
for command in (demo, simulate, pretrain, glove, plan, results):
    app.command()(command)
