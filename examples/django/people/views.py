from django.http import JsonResponse

from .models import Person


def people(request):
    rows = Person.objects.order_by("last_name", "first_name", "name")
    return JsonResponse({"people": list(rows.values("name", "first_name", "last_name"))})
