from .time_stepping import TimeStepping as TimeStepping
