"""Contact demand: how many conversations begin in each half hour of the days to come, channel by channel.

`silver.conversations` and a small file of campaigns come in; forecasts with an 80 % interval leave. Everything that a
forecast uses is known a day ahead: the calendar, the campaigns planned, and counts that are 24 hours old or older.
"""
