"""The pages of the three modules, under /<module>/."""

from django.urls import path

from crm.distribution.views import actions, lists, uploads

urlpatterns = [
    path("<module:module>/databases/", lists.databases, name="databases"),
    path("<module:module>/databases/<int:pk>/", lists.database, name="database"),
    path("<module:module>/databases/<int:pk>/assign/", actions.assign_at_random, name="assign_at_random"),
    path("<module:module>/databases/<int:pk>/archive/", actions.archive, name="archive_database"),
    path("<module:module>/databases/<int:pk>/restore/", actions.restore, name="restore_database"),
    path("<module:module>/databases/<int:pk>/undo-import/", uploads.undo, name="undo_import"),
    path("<module:module>/records/", lists.records, name="records"),
    path("<module:module>/records/assign/", actions.act, {"verb": "assign"}, name="assign_records"),
    path("<module:module>/records/recall/", actions.act, {"verb": "recall"}, name="recall_records"),
    path("<module:module>/records/transfer/", actions.act, {"verb": "transfer"}, name="transfer_records"),
    path("<module:module>/records/<int:pk>/", lists.record, name="record"),
    path("<module:module>/batches/", lists.batches, name="batches"),
    path("<module:module>/batches/<int:pk>/", lists.batch, name="batch"),
    path("<module:module>/mine/", lists.mine, name="my_records"),
    path("<module:module>/databases/uploads/new/", uploads.new, name="new_upload"),
    path("<module:module>/databases/uploads/<int:pk>/", uploads.show, name="upload"),
    path("<module:module>/databases/uploads/<int:pk>/reread/", uploads.reread, name="reread_upload"),
    path("<module:module>/databases/uploads/<int:pk>/import/", uploads.start, name="start_import"),
    path("<module:module>/databases/uploads/<int:pk>/discard/", uploads.discard, name="discard_upload"),
    path("<module:module>/databases/uploads/<int:pk>/left-out.csv", uploads.left_out, name="left_out_rows"),
]
