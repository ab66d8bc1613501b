"""Sessions and journeys of people across channels.

Events, people and conversations come in; sessions, journeys, their steps and changes of channel leave.
"""
