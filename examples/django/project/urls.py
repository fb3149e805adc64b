from django.http import JsonResponse
from django.urls import path

from stock.models import Item


def index(request):
    return JsonResponse({"items": list(Item.objects.order_by("name").values("name", "euros", "cents"))})


urlpatterns = [path("", index)]
