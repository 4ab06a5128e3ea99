/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_VOLUME_H
#define BASE_VOLUME_H

/*
 * The directory of a volume, of one that an image declares as well:
 *
 *   data         its content; exists only when complete
 *   new          a content that is being made, which becomes "data" by a rename
 *   volume.json  what is on record of it, if it has a name
 */
#define VOLUME_DATA "data"
#define VOLUME_NEW  "new"
/* Where an archive is unpacked: the tree of image/layout.h. */
#define VOLUME_UNPACKED VOLUME_NEW "/tree"
#define VOLUME_RECORD   "volume.json"

#endif
