"""Where the real captures are: $CHASQUI_SAMPLES, or shared/samples beside a folder above this one; None if nowhere."""
import os


def folder():
    named = os.environ.get("CHASQUI_SAMPLES")
    if named:
        return named if os.path.isdir(named) else None
    here = os.path.dirname(os.path.abspath(__file__))
    while here != "/":
        here = os.path.dirname(here)
        if os.path.isdir(os.path.join(here, "shared", "samples")):
            return os.path.join(here, "shared", "samples")
    return None


CAPTURES = [
    ("x400-pcap/x400-ping-success.pcap", (102,)),
    ("x400-pcap/x400-ping-refuse.pcap", (102,)),
    ("x400-pcap-pp/p1-88-normal.pcap", (20001, 20002)),
    ("x400-pcap-pp/p1-88-stdext.pcap", (20001, 20002)),
    ("x400-pcap-pp/p1-88-reject.pcap", (20001, 20002)),
    ("x400-pcap-pp/p1-88-x410.pcap", (20001, 20002)),
    ("x400-pcap-pp/p1-84.pcap", (20001, 20002)),
]

# What tshark 4.0 complains about, by layer. The traffic is genuine, so these complaints are tshark's own, and the mark for
# ours: the segments of X.410 mode it takes for PPDUs, two packets of 2005 came in another order than they were sent, PP
# 6.0 as shipped writes an extension's number as an INTEGER within [0], and an INTEGER in [18] is a bind error (X.880).
LOST = ("presentation", "Internal error:can't get spdu type from session dissector")
KINDS = {
    "x400-pcap/x400-ping-success.pcap": {("presentation", "Dissector is not available")},
    "x400-pcap/x400-ping-refuse.pcap": {("presentation", "Dissector is not available")},
    "x400-pcap-pp/p1-88-normal.pcap": {("P1", "Unknown standard-extension")},
    "x400-pcap-pp/p1-88-stdext.pcap": set(),
    "x400-pcap-pp/p1-88-reject.pcap": {("ROSE", "Unknown ROS PDU")},
    "x400-pcap-pp/p1-88-x410.pcap": {LOST},
    "x400-pcap-pp/p1-84.pcap": {LOST, ("presentation", "Malformed Packet (Exception occurred)")},
}
