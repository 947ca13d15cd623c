/** A part of the cases that every test run tries; the parts are files of their own so that they run side by side. */

import { testPart } from "./test_part.ts";

testPart(4);
