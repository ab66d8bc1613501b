"""Who is who: tokens seen together become people, behind guards.

`silver.events` comes in; the links, the quarantine, the people and their history leave. Tokens are
keyed pseudonyms throughout: no raw identifier is ever here.
"""
