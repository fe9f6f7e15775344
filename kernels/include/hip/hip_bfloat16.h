#pragma once

// CK-tile includes this header, and has a bfloat16 of its own.
