from django.db import models


class Person(models.Model):
    # As it was typed once: “Lovelace, Ada”, “ada lovelace”, “Ada Lovelace ”.
    name = models.CharField(max_length=200)
    # What `manual_migration` makes of it.
    first_name = models.CharField(max_length=100, blank=True)
    last_name = models.CharField(max_length=100, blank=True)
