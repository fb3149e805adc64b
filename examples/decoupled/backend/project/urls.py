from django.http import JsonResponse
from django.urls import path

from articles.models import Article


def articles(request):
    return JsonResponse({"articles": list(Article.objects.order_by("id").values("title", "text"))})


urlpatterns = [path("articles", articles)]
