from django.db import migrations

NAMES = ["Lovelace, Ada", "grace hopper", " Katherine Johnson", "Hamilton,Margaret", "Hypatia"]


def add_people(apps, schema_editor):
    person = apps.get_model("people", "Person")
    person.objects.bulk_create(person(name=name) for name in NAMES)


class Migration(migrations.Migration):
    dependencies = [("people", "0001_initial")]

    operations = [migrations.RunPython(add_people, migrations.RunPython.noop)]
