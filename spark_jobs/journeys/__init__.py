"""Sessions and journeys of people across channels.

Events, people and conversations come in; sessions, journeys, their steps and changes of channel leave. `rules` declares
what parts and names them, `kernel` builds them without Spark, `tasks` and `journeys` run that inside Spark.
"""
