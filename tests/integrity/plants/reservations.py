"""Damage to reservations."""

from tests.integrity.planting import GUARDS_OFF, OFF, Plant, once

PLANTS = {
    "reservation_duplicate": [
        Plant(
            "of the same person",
            "INSERT INTO {reservations} (id, product_id, staff_id, customer_id, status) VALUES ({new}, "
            "{product}, {dewi}, ' ALONE ', 'active')",
            "reservation_duplicate: new_reservation",
            drops="reservation_one_for_a_customer",
            fits=once,
        ),
        Plant(
            "asked for by somebody else",
            "INSERT INTO {reservations} (id, product_id, staff_id, customer_id, status) VALUES ({new}, "
            "{product}, {sari}, 'alone', 'pending')",
            "reservation_duplicate: new_reservation",
            drops="reservation_one_for_a_customer",
            fits=once,
        ),
        Plant(
            "of two people",
            "INSERT INTO {reservations} (id, product_id, staff_id, customer_id, status) VALUES ({new}, "
            "{product}, {sari}, 'alone', 'active')",
            "reservation_duplicate: new_reservation",
            drops="reservation_one_for_a_customer",
            fits=once,
            waits="guard_missing reservation_duplicate",
        ),
        Plant(
            "of two people, by a new rule for keys",
            "ALTER TABLE {reservations} DROP customer_key CASCADE; ALTER TABLE {reservations} ADD customer_key text"
            ' COLLATE "C" GENERATED ALWAYS AS (upper(customer_id)) STORED; CREATE UNIQUE INDEX'
            " reservation_one_for_a_customer ON {reservations} (product_id, customer_key) WHERE status IN ('pending',"
            " 'active'); INSERT INTO {reservations} (id, product_id, staff_id, customer_id, status) VALUES ({new},"
            " {product}, {sari}, U&'alo\\200Bne', 'active')",
            "reservation_duplicate: new_reservation; key_drift: new_reservation; guard_missing: SELECT"
            " 'reservations.reservation', 0::bigint",
            fits=once,
            waits="guard_missing key_drift reservation_duplicate",
        ),
        Plant(
            "renamed",
            "UPDATE {reservations} SET customer_id = 'Alone' WHERE id = {active2}",
            "reservation_duplicate: active2",
            GUARDS_OFF,
            drops="reservation_one_for_a_customer",
            fits=once,
            waits="guard_missing reservation_duplicate",
        ),
        Plant(
            "brought back",
            "UPDATE {reservations} SET customer_id = 'alone', status = 'active', staff_id = {dewi}, since = "
            "now() + interval '1 second' WHERE id = {released}",
            "reservation_duplicate: released",
            GUARDS_OFF,
            drops="reservation_one_for_a_customer",
            fits=once,
        ),
        Plant(
            "renamed past the triggers",
            "UPDATE {reservations} SET customer_id = 'alone' WHERE id = {active2}",
            "reservation_duplicate: active2; history_mismatch: active2",
            OFF,
            drops="reservation_one_for_a_customer",
            fits=once,
        ),
    ],
    "reservation_overdue": [
        Plant(
            "nobody ended it",
            "UPDATE {reservations} SET since = now() - interval '32 days' WHERE id = {active}",
            "reservation_overdue: active; history_mismatch: active",
            OFF,
            fits=once,
        ),
        Plant(
            "its last deposit is long ago",
            "UPDATE {reservations} SET since = now() - interval '90 days', last_deposit_on = current_date - "
            "40 WHERE id = {active}",
            "reservation_overdue: active; history_mismatch: active",
            OFF,
            fits=once,
        ),
        Plant(
            "not permanent any more",
            "UPDATE {reservations} SET is_permanent = false, since = now() - interval '90 days' WHERE id = {permanent}",
            "reservation_overdue: permanent; history_mismatch: permanent",
            OFF,
            fits=once,
        ),
        Plant(
            "the product's time is shorter",
            "UPDATE products_product SET grace_days = 3 WHERE id = {tea}; UPDATE {reservations} SET since = "
            "now() - interval '5 days' WHERE id = {of_tea}",
            "reservation_overdue: of_tea; history_mismatch: of_tea tea",
            OFF,
            fits=once,
        ),
        Plant(
            "it covers records",
            "UPDATE {reservations} SET since = now() - interval '32 days' WHERE id IN "
            "({reservation_of_reserved}, {reservation_of_conflict})",
            "reservation_overdue: reservation_of_conflict reservation_of_reserved;"
            " history_mismatch: reservation_of_conflict reservation_of_reserved",
            OFF,
            fits=once,
        ),
        Plant(
            "past the triggers",
            "UPDATE {reservations} SET since = now() - interval '32 days' WHERE id = {active}",
            "reservation_overdue: active; history_mismatch: active",
            OFF,
            fits=once,
        ),
    ],
    "reservation_owner_not_working": [
        Plant(
            "the owner left",
            "UPDATE accounts_user SET is_active = false, deactivated_at = now() WHERE id = {dewi}",
            "reservation_owner_not_working: SELECT 'reservations.reservation', id FROM {reservations} WHERE "
            "staff_id = {dewi} AND status IN ('pending', 'active')",
            fits=once,
            waits="reservation_owner_not_working",
        ),
        Plant(
            "the owner became an admin",
            "UPDATE accounts_user SET role = 'admin' WHERE id = {dewi}",
            "reservation_owner_not_working: SELECT 'reservations.reservation', id FROM {reservations} WHERE "
            "staff_id = {dewi} AND status IN ('pending', 'active')",
            fits=once,
            waits="reservation_owner_not_working",
        ),
        Plant(
            "an admin's",
            "UPDATE {reservations} SET staff_id = {admin} WHERE id = {active}",
            "reservation_owner_not_working: active",
            fits=once,
            waits="reservation_owner_not_working",
        ),
        Plant(
            "asked for by somebody who left",
            "UPDATE accounts_user SET is_active = false, deactivated_at = now() WHERE id = {budi}; UPDATE "
            "{reservations} SET staff_id = {budi} WHERE id = {pending}",
            "reservation_owner_not_working: pending",
            fits=once,
            waits="reservation_owner_not_working",
        ),
        Plant(
            "reserved for the owner of the firm",
            "INSERT INTO {reservations} (id, product_id, staff_id, customer_id, status) VALUES ({new}, "
            "{product}, {owner}, 'brand new', 'active')",
            "reservation_owner_not_working: new_reservation",
            fits=once,
            waits="reservation_owner_not_working",
        ),
    ],
}
