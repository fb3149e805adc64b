from django.db import models


class Item(models.Model):
    name = models.CharField(max_length=100, unique=True)
    # How prices were kept first; nobody could write 2.50 like that.
    euros = models.IntegerField()
    # How they are kept now; empty until `manual_migration` has filled it in.
    cents = models.IntegerField(null=True)
