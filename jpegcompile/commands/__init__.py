"""The verbs of the command line: one for each Python function, a file each."""

from jpegcompile.commands.bench import bench
from jpegcompile.commands.compare import compare
from jpegcompile.commands.compile import compile_command
from jpegcompile.commands.demo import demo
from jpegcompile.commands.inspect import inspect
from jpegcompile.commands.paper import paper
from jpegcompile.commands.run import run
from jpegcompile.commands.verify import verify

COMMANDS = (inspect, compile_command, verify, compare, bench, run, paper, demo)
