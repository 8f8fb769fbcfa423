import json

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError
from django.test import Client
from django.urls import reverse

from crm.errors import Refused
from crm.products import services
from crm.products.messages import fill
from crm.products.models import Product
from tests.factories.products import ProductFactory

ABOUT_A_PRODUCT = ["product_edit", "product_deactivate", "product_reactivate"]


@pytest.mark.parametrize("name", ["products", "product_add"])
def test_products_are_for_admins(owner, admin, staff, name):
    assert Client().get(reverse(name)).url.startswith(reverse("account_login"))
    for person, status in ((staff, 403), (admin, 200), (owner, 200)):
        client = Client()
        client.force_login(person)
        assert client.get(reverse(name)).status_code == status


@pytest.mark.parametrize("name", ABOUT_A_PRODUCT)
def test_outsiders_change_no_product(admin, staff, name):
    product = ProductFactory(name="Kopi")
    url = reverse(name, args=[product.pk])
    assert Client().post(url, {"name": "Teh"}).url.startswith(reverse("account_login"))
    client = Client()
    client.force_login(staff)
    assert client.post(url, {"name": "Teh"}).status_code == 403
    client.force_login(admin)
    assert client.post(reverse(name, args=[0]), {"name": "Teh"}).status_code == 404
    assert Product.objects.values_list("name", "is_active").get() == ("Kopi", True)


def test_a_product_is_added_renamed_and_switched_off_and_on(admin, sign_in):
    client = sign_in(admin)
    client.post(reverse("product_add"), {"name": "  Kopi   Susu "})
    product = Product.objects.get()
    assert product.name == "Kopi Susu"
    client.post(reverse("product_edit", args=[product.pk]), {"name": "kopi susu"})
    client.post(reverse("product_deactivate", args=[product.pk]))
    product.refresh_from_db()
    assert (product.name, product.is_active) == ("kopi susu", False)
    page = client.get(reverse("products")).content.decode()
    assert "kopi susu" in page
    assert "Inactive" in page
    client.post(reverse("product_reactivate", args=[product.pk]))
    assert Product.objects.active().exists()


@pytest.mark.parametrize("name", ["", "   ", "KOPI", "x" * 81])
def test_a_name_that_is_empty_taken_or_too_long_comes_back(admin, sign_in, name):
    ProductFactory(name="Kopi")
    other = ProductFactory(name="Teh")
    client = sign_in(admin)
    assert client.post(reverse("product_add"), {"name": name}).status_code == 422
    assert client.post(reverse("product_edit", args=[other.pk]), {"name": name}).status_code == 422
    assert set(Product.objects.values_list("name", flat=True)) == {"Kopi", "Teh"}


def test_a_message_names_only_what_is_filled_in(admin, sign_in):
    product = ProductFactory(name="Kopi")
    client, url = sign_in(admin), reverse("product_edit", args=[product.pk])
    for template in ("Halo {nama}", "{}", "Halo {name}, {0}"):
        answer = client.post(url, {"name": "Kopi", "message_template": template})
        assert answer.status_code == 422
        assert "is not filled in. What can be: {name}, {id}, {product}, {staff}." in answer.content.decode()
    product.refresh_from_db()
    assert product.message_template == ""
    client.post(url, {"name": "Kopi", "message_template": "Halo {name} ({id}),\r\n{staff}, {product}"})
    product.refresh_from_db()
    assert product.message_template == "Halo {name} ({id}),\n{staff}, {product}"
    with pytest.raises(Refused):
        services.edit_product(product=product, name="Kopi", message_template="{x}", by=admin)


def test_what_is_filled_in_is_not_filled_in_again():
    assert fill("Halo {name}, {id}", name="{id}", id="7") == "Halo {id}, 7"


@pytest.mark.parametrize("name", ["product_deactivate", "product_reactivate"])
def test_switching_takes_a_post(admin, sign_in, name):
    assert sign_in(admin).get(reverse(name, args=[ProductFactory().pk])).status_code == 405


def test_a_second_click_has_no_second_effect(admin, sign_in):
    product = ProductFactory()
    client = sign_in(admin)
    for _ in range(2):
        page = client.post(reverse("product_deactivate", args=[product.pk]), follow=True).content.decode()
    assert "It is inactive already." in page


def test_the_service_refuses_what_the_form_would(db):
    ProductFactory(name="Kopi")
    for name in ("", "kopi", "x" * 81):
        with pytest.raises(Refused):
            services.add_product(name=name, by=None)


def test_the_database_keeps_names_apart_in_any_case(db):
    ProductFactory(name="Kopi")
    with pytest.raises(IntegrityError):
        ProductFactory(name="KOPI")


def test_add_product_prints_the_id(db, capsys):
    call_command("add_product", "Kopi")
    product = Product.objects.get()
    assert capsys.readouterr().out == f"Added product {product.pk}: Kopi\n"
    call_command("add_product", "Teh", "--json")
    assert json.loads(capsys.readouterr().out) == {"product": Product.objects.get(name="Teh").pk, "name": "Teh"}


def test_add_product_says_why_not(db):
    ProductFactory(name="Kopi")
    with pytest.raises(CommandError, match="There is a product of this name"):
        call_command("add_product", "kopi")
    assert Product.objects.count() == 1
