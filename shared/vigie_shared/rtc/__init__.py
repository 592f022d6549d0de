"""What aiortc 1.16 lacks, one module for each lack (docs/design/rtc.md).

    connection   connections that ask no public server, and notice in 3 s that the other side is gone
    liveness     how that is noticed
    handshake    what is lost before media flows is sent again soon
    h264         H.264 into RTP payloads and back
    datagrams    RTP packets encrypted and handed to the kernel many at a time
    extensions   the header extensions of packets that leave together
    history      packets kept for retransmission
    pacer        how fast packets may leave
    sender       encoded frames and shared payloads to one peer, with retransmission
    bandwidth    what the link carries, as its receiver sees it
    beat         timers of many connections that fall due together
    reassembly   packets back into frames; which are missing, and when to ask for them again
    receiver     frames from one peer, never decoded
    congestion   how fast a data channel sends, and what it takes for lost (docs/design/congestion.md)

Nothing here changes aiortc for others: every patch is put on one object.
"""
