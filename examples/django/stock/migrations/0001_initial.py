from django.db import migrations, models


def fill(apps, schema_editor):
    item = apps.get_model("stock", "Item")
    for name, euros in [("teapot", 25), ("cup", 4), ("spoon", 2)]:
        item.objects.create(name=name, euros=euros)


class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel(
            name="Item",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False, auto_created=True, verbose_name="ID")),
                ("name", models.CharField(max_length=100, unique=True)),
                ("euros", models.IntegerField()),
                ("cents", models.IntegerField(null=True)),
            ],
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
