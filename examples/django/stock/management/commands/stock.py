from django.core.management.base import BaseCommand

from stock.models import Item


class Command(BaseCommand):
    help = "Lists what there is."

    def handle(self, *args, **options):
        for item in Item.objects.order_by("name"):
            price = "no price in cents yet" if item.cents is None else f"{item.cents} cents"
            self.stdout.write(f"{item.name}: {price}")
