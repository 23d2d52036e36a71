"""A libtorrent peer: libtorrent_peer.py ADDRESS PORT TORRENT-OR-MAGNET DIRECTORY [PEER]. Runs until it is ended.

Prints `done` when everything is there, verified and written."""

import sys
import time

import libtorrent as lt

address, port, source, directory = sys.argv[1:5]
session = lt.session({
    "listen_interfaces": f"{address}:{port}",
    "outgoing_interfaces": address,
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    "enable_outgoing_utp": False,
    "enable_incoming_utp": False,
    "allow_multiple_connections_per_ip": True,
    "alert_mask": lt.alert.category_t.all_categories,
})
if source.startswith("magnet:"):
    parameters = lt.parse_magnet_uri(source)
else:
    parameters = lt.add_torrent_params()
    parameters.ti = lt.torrent_info(source)
parameters.save_path = directory
torrent = session.add_torrent(parameters)
if len(sys.argv) > 5:
    host, peer_port = sys.argv[5].rsplit(":", 1)
    torrent.connect_peer((host, int(peer_port)))
asked = False
while True:
    session.wait_for_alert(200)
    for alert in session.pop_alerts():
        # `finished` comes when up to 100 MiB are not yet written.
        if asked and isinstance(alert, lt.cache_flushed_alert):
            print("done", flush=True)
    if not asked and torrent.status().is_seeding:
        torrent.flush_cache()
        asked = True
    time.sleep(0.005)
